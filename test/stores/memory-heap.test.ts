import { expect, test } from 'vitest'
import { Heap, type HeapItem } from '../../src/stores/memory/heap.js'
import { seededRandom } from '../../src/testkit/index.js'

interface Item extends HeapItem {
  rank: number
}

test('stays in order through any pushes, removals and moves, and counts its front', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seededRandom(seed)
    const heap = new Heap<Item>((a, b) => a.rank < b.rank)
    const items: Item[] = []
    for (let step = 0; step < 200; step += 1) {
      const move = random.integer(0, 3)
      const item = items.length === 0 ? undefined : random.pick(items)
      if (move <= 1 || item === undefined) {
        const added = { rank: random.integer(0, 50), heapIndex: -1 }
        items.push(added)
        heap.push(added)
      } else if (move === 2) {
        heap.remove(item)
        expect(item.heapIndex).toBe(-1)
        items.splice(items.indexOf(item), 1)
      } else {
        item.rank = random.integer(0, 50)
        heap.moved(item)
      }
      expect(heap.size).toBe(items.length)
      expect(heap.peek()?.rank).toBe(items.length === 0 ? undefined : Math.min(...items.map(({ rank }) => rank)))
      expect(heap.countFront(({ rank }) => rank <= 20)).toBe(items.filter(({ rank }) => rank <= 20).length)
    }
    const ranks: number[] = []
    for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
      ranks.push(first.rank)
      heap.remove(first)
    }
    expect(ranks).toEqual(items.map(({ rank }) => rank).sort((a, b) => a - b))
  }
})
