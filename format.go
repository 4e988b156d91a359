package flow

// FormatVersion is a version of all that nodes write for each other: messages, commands
// in logs, rows in snapshots. A node of version v also speaks v-1, so that a cluster is
// upgraded one node at a time; ARCHITECTURE.md says what each version added. 0 where a
// version is given means NewestFormat.
type FormatVersion uint8

// The versions that this code speaks.
const (
	// OldestFormat is the first one: what it says of a store holds for every store that
	// names no version.
	OldestFormat FormatVersion = 1
	// NewestFormat is what a node speaks that is told nothing else.
	NewestFormat FormatVersion = 2
)

// Oldest is the oldest version that a node of version v speaks.
func (v FormatVersion) Oldest() FormatVersion { return max(v, OldestFormat+1) - 1 }

// OrNewest is v, or NewestFormat for 0.
func (v FormatVersion) OrNewest() FormatVersion {
	if v == 0 {
		return NewestFormat
	}
	return v
}

// Check refuses what this code does not speak, with InvalidArgument.
func (v FormatVersion) Check() error {
	if v < OldestFormat || v > NewestFormat {
		return Errorf(InvalidArgument, "flow.Check", "format version is %d, this program speaks %d to %d", v, OldestFormat, NewestFormat)
	}
	return nil
}
