"""The screen. It only shows: it knows views, turns and event rows, and sends back what the user did."""
