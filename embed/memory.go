package embed

import "math"

// NoMemoryLimit as Config.MemoryLimit takes upserts whatever memory there is.
const NoMemoryLimit = math.MaxUint64

// memoryPercent is the part of the machine's memory that a node takes by default.
const memoryPercent = 80

// DefaultMemoryLimit returns 80 % of the memory that the process may have: the
// machine's, or its control group's if that is less. 0, no limit, if neither is known.
func DefaultMemoryLimit() uint64 { return machineBytes() / 100 * memoryPercent }
