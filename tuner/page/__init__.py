"""One search as one HTML page that needs nothing but itself: what is gathered, how it is drawn, how it is written."""
