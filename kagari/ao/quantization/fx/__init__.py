"""Quantization of graphs: layers joined (`fuse`), observers put in (`prepare`), and all exchanged (`convert`)."""
