"""What Flowmatik claims about speed, measured beside other tools. See README.md here."""
