package linearizability

// CheckReads says whether every get, at every level, returned for each of its ids
// a state that the level allows.
func CheckReads(h *History, o Options) Verdict {
	return Verdict{Check: "get", Reason: "the check is not built yet"}
}
