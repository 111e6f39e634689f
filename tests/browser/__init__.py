"""The page in a real Chromium, with a real server behind it; elements are found as people find them: by role and name."""
