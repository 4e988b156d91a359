// Package net declares the Network seam, the messages that nodes exchange and
// their codec. It opens no socket; net/tcp is the real network.
package net

import flow "github.com/ruvector-flow/ruvector-flow"

// Network carries frames between nodes. A frame is the codec's bytes: no memory
// is shared between sender and receiver.
//
// Loss: a frame may be dropped, delayed, repeated or reordered; it is never
// changed without its checksum showing it. Blocking: Send never blocks; when the
// queue to a node is full, the network drops. A frame that arrives is an input
// of the receiving node (node.Receive). The network owns the frame after Send.
type Network interface {
	Send(to flow.NodeID, frame []byte)
}
