"""The generated dataset `mini`: who buys what, drawn pictures, made-up sentences."""
