"""The audit: are torch's own derivative formulas, in ``derivatives.yaml``, the derivatives of its operators?"""
