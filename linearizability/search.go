package linearizability

// CheckSearches says whether every search, count and scroll returned what its level
// and the history allow.
func CheckSearches(h *History, o Options) Verdict {
	return Verdict{Check: "search", Reason: "the check is not built yet"}
}
