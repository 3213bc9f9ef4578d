"""The tap: stands between somebody's client and a real service, passes everything on unchanged, and shows it."""
