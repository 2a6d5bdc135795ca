"""Permits (perizinan) of DPMPTSP: from a draft to a signed permit that anyone can verify."""
