"""What a currency costs in another: providers of firm rates, each with its source, time and expiry."""
