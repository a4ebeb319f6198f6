"""What is presented: invoices in, trade documents, and their examination. Knows no party's money and no rail."""
