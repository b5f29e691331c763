"""An agent as an engine for other programs: engine session, search requests, UCI and Hub. Knows no training."""
