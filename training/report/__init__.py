"""What the training commands found, as tables and pictures, and the report made of them."""
