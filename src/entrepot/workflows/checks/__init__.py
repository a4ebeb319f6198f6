"""What must hold before money moves: the rules in force, screening, caps, stops, and where a party is paid."""
