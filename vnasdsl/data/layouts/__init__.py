"""Data set layouts: one file each, holding one function (spec, place, split number) -> DataSet."""
