package weights

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"sync"
)

// hashChunk is the unit of hashing: large enough that its overhead is nothing,
// small enough that the processors share a file evenly.
const hashChunk = 8 << 20

// Hash is the hash of the files' content: the SHA-256 of the SHA-256 sums of
// all chunks of 8 MiB, file by file in the order of their names. The chunks are
// hashed in parallel; 500 MB take about 0.2 s on two cores.
func (s *Store) Hash() string {
	var chunks []View
	for _, f := range s.files {
		for at := 0; at < len(f.data); at += hashChunk {
			chunks = append(chunks, View{Bytes: f.data[at:min(at+hashChunk, len(f.data))], mapped: f.unmap != nil})
		}
	}
	sums := make([][sha256.Size]byte, len(chunks))
	each(len(chunks), func(i int) {
		sums[i] = sha256.Sum256(chunks[i].Bytes)
		chunks[i].Release()
	})
	all := sha256.New()
	for _, sum := range sums {
		all.Write(sum[:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

// each does n jobs, as many at once as there are processors.
func each(n int, job func(i int)) {
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		wg.Go(func() {
			job(i)
			<-turns
		})
	}
	wg.Wait()
}
