"""Objects of controllers that move traffic step by step: Flagger's and Argo Rollouts'."""
