package filter

const (
	microsPerSecond = 1_000_000
	secondsPerDay   = 86_400
)

// parseTime reads a time as microseconds since 1970 UTC, finer digits cut off: RFC
// 3339, and as Qdrant does a space for the T, a zone without colon or without
// minutes, no zone (UTC), no seconds with a space, or a date alone.
func parseTime(s string) (micros int64, ok bool) {
	c := clockText{s: s}
	year, month, day := c.number(4), 0, 0
	c.want('-')
	month = c.number(2)
	c.want('-')
	day = c.number(2)
	if c.bad || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	seconds := days(year, month, day) * secondsPerDay
	if c.s == "" {
		return seconds * microsPerSecond, true
	}
	space := c.take(' ')
	if !space && !c.take('T') && !c.take('t') {
		return 0, false
	}
	hour := c.number(2)
	c.want(':')
	minute := c.number(2)
	second, fraction := 0, 0
	if c.take(':') {
		second = c.number(2)
		if c.take('.') {
			fraction = c.fraction()
		}
	} else if !space || c.s != "" {
		return 0, false
	}
	if c.bad || hour > 23 || minute > 59 || second > 60 { // 60: a leap second
		return 0, false
	}
	seconds += int64(hour*3600 + minute*60 + second)
	zone, ok := c.zone()
	return (seconds-int64(zone))*microsPerSecond + int64(fraction), ok
}

// clockText is the rest of a time; bad says that it is none.
type clockText struct {
	s   string
	bad bool
}

// take consumes a byte if it is next.
func (c *clockText) take(b byte) bool {
	if c.s == "" || c.s[0] != b {
		return false
	}
	c.s = c.s[1:]
	return true
}

func (c *clockText) want(b byte) {
	if !c.take(b) {
		c.bad = true
	}
}

// number reads so many digits.
func (c *clockText) number(digits int) int {
	n := 0
	for range digits {
		if c.s == "" || c.s[0] < '0' || c.s[0] > '9' {
			c.bad = true
			return 0
		}
		n = n*10 + int(c.s[0]-'0')
		c.s = c.s[1:]
	}
	return n
}

// fraction reads the digits after the point, as microseconds.
func (c *clockText) fraction() int {
	n, unit, first := 0, microsPerSecond/10, c.s
	for c.s != "" && c.s[0] >= '0' && c.s[0] <= '9' {
		n += int(c.s[0]-'0') * unit
		unit /= 10
		c.s = c.s[1:]
	}
	c.bad = c.bad || len(c.s) == len(first)
	return n
}

// zone reads Z, ±hh:mm, ±hhmm, ±hh or nothing, as seconds east of Greenwich.
func (c *clockText) zone() (seconds int, ok bool) {
	if c.s == "" || c.s == "Z" || c.s == "z" {
		return 0, true
	}
	sign := 1
	if c.take('-') {
		sign = -1
	} else if !c.take('+') {
		return 0, false
	}
	hours, minutes := c.number(2), 0
	if c.s != "" {
		c.take(':')
		minutes = c.number(2)
	}
	return sign * (hours*3600 + minutes*60), !c.bad && c.s == "" && hours < 24 && minutes < 60
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// days returns the days from 1970-01-01 to a date of the Gregorian calendar: years
// begin in March, so that the leap day is the last of one.
func days(year, month, day int) int64 {
	const daysPer400Years, daysTo1970 = 146097, 719468
	if month <= 2 {
		year--
		month += 12
	}
	era, of := year/400, year%400
	if of < 0 {
		era, of = era-1, of+400
	}
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return int64(era*daysPer400Years + of*365 + of/4 - of/100 + dayOfYear - daysTo1970)
}
