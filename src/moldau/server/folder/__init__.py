"""`moldau folder`: what a data folder holds, told without a broker."""
