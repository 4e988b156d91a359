package filter

import "math"

// earthMeters is the mean radius of the earth (IUGG), that of Qdrant's distances.
const earthMeters = 6_371_008.8

// place is degrees of latitude and longitude.
type place struct{ lat, lon float64 }

// area is a set of places.
type area interface {
	holds(at place) bool
	// latitudes returns bounds outside which the area has nothing.
	latitudes() (lo, hi float64)
}

// box is what lies between two corners, without its edge. One whose left is greater
// than its right crosses the 180th meridian.
type box struct{ topLeft, bottomRight place }

func (b *box) holds(at place) bool {
	if at.lat <= b.bottomRight.lat || at.lat >= b.topLeft.lat {
		return false
	}
	left, right := at.lon > b.topLeft.lon, at.lon < b.bottomRight.lon
	if b.topLeft.lon > b.bottomRight.lon {
		return left || right
	}
	return left && right
}

func (b *box) latitudes() (lo, hi float64) { return b.bottomRight.lat, b.topLeft.lat }

// circle is what is nearer to its center than so many meters, by the haversine.
type circle struct {
	center place
	meters float64
}

func (c *circle) holds(at place) bool { return meters(c.center, at) < c.meters }

// latitudes: a degree of latitude is the same everywhere; a little is added for rounding.
func (c *circle) latitudes() (lo, hi float64) {
	degrees := c.meters/earthMeters*180/math.Pi*1.000001 + 1e-6
	return c.center.lat - degrees, c.center.lat + degrees
}

// meters is the distance of two places on the sphere (haversine).
func meters(a, b place) float64 {
	const radian = math.Pi / 180
	lat, lon := math.Sin((b.lat-a.lat)*radian/2), math.Sin((b.lon-a.lon)*radian/2)
	h := lat*lat + math.Cos(a.lat*radian)*math.Cos(b.lat*radian)*lon*lon
	return 2 * earthMeters * math.Asin(math.Sqrt(min(h, 1)))
}

// polygon is what lies within a ring or on it, and not within one of its holes. Its
// sides are straight lines of degrees.
type polygon struct {
	exterior  ring
	interiors []ring
}

func (g *polygon) holds(at place) bool {
	if g.exterior.side(at) == outside {
		return false
	}
	for _, hole := range g.interiors {
		if hole.side(at) == inside {
			return false
		}
	}
	return true
}

func (g *polygon) latitudes() (lo, hi float64) {
	lo, hi = g.exterior[0].lat, g.exterior[0].lat
	for _, at := range g.exterior {
		lo, hi = min(lo, at.lat), max(hi, at.lat)
	}
	return lo, hi
}

// ring is corners, the last like the first.
type ring []place

type side int

const (
	outside side = iota
	edge
	inside
)

// side counts the sides that a line from the place to the east crosses.
func (r ring) side(at place) side {
	in := false
	for i := 1; i < len(r); i++ {
		a, b := r[i-1], r[i]
		turn := (b.lon-a.lon)*(at.lat-a.lat) - (b.lat-a.lat)*(at.lon-a.lon)
		if turn == 0 && at.lat >= min(a.lat, b.lat) && at.lat <= max(a.lat, b.lat) &&
			at.lon >= min(a.lon, b.lon) && at.lon <= max(a.lon, b.lon) {
			return edge
		}
		if (a.lat > at.lat) != (b.lat > at.lat) && (turn > 0) == (b.lat > a.lat) {
			in = !in
		}
	}
	if in {
		return inside
	}
	return outside
}
