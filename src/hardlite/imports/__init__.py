"""Imports in batches: `batched_unit_of_work`, its report, and how rows reach the driver."""
