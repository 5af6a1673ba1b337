"""`python -m kerasnp bench`: how fast kerasnp trains and predicts on this machine, beside other frameworks."""
