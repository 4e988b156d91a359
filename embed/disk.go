package embed

import "github.com/ruvector-flow/ruvector-flow/disk"

// queuedDisk is a store whose completions become inputs of the node.
type queuedDisk struct {
	disk.Disk
	box *mailbox
}

// Apply implements disk.Disk.
func (d *queuedDisk) Apply(b *disk.Batch, sync bool, done func(error)) {
	if done == nil {
		d.Disk.Apply(b, sync, nil)
		return
	}
	d.Disk.Apply(b, sync, func(err error) { d.box.postDone(func() { done(err) }) })
}
