"""Native Istio objects to intent, one file a kind; what intent cannot say stays native."""
