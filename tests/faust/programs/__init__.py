"""The programs of Faust's documentation, told anew: what each shows, with only the import changed.

They read where their broker is from KAFKA, because tests have one of their own.
"""
