package linearizability

// CheckPoints says whether every point of every collection, alone, is linearizable:
// its writes and its linearizable gets have an order that respects real time and
// explains every answer, with versions that rise; and that no request was applied
// to a point twice.
func CheckPoints(h *History, o Options) Verdict {
	return Verdict{Check: "point", Reason: "the check is not built yet"}
}
