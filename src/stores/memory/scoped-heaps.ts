/**
 * One order over all scopes and over each scope alone: a heap per scope, and a heap of those heaps by
 * their first items. First of all, first of one scope, insert and remove are all O(log n).
 */
import type { ScopeId } from '../../core/scope.js'
import { Heap, type HeapItem } from './heap.js'

export interface ScopedItem extends HeapItem {
  readonly scope: ScopeId
}

interface Shelf<T extends ScopedItem> extends HeapItem {
  readonly heap: Heap<T>
}

export class ScopedHeaps<T extends ScopedItem> {
  readonly #before: (a: T, b: T) => boolean
  readonly #shelves = new Map<ScopeId, Shelf<T>>()
  readonly #order: Heap<Shelf<T>>

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
    this.#order = new Heap((a, b) => isBefore(a, b, before))
  }

  /** The first item of all, or of these scopes. */
  peek(scopes: readonly ScopeId[] | undefined): T | undefined {
    if (scopes === undefined) return this.#order.peek()?.heap.peek()
    let first: T | undefined
    for (const scope of scopes) {
      const item = this.#shelves.get(scope)?.heap.peek()
      if (item !== undefined && (first === undefined || this.#before(item, first))) first = item
    }
    return first
  }

  /** Up to `limit` scopes, of all or of these, by their first items. */
  firstScopes(scopes: readonly ScopeId[] | undefined, limit: number): readonly ScopeId[] {
    const first: Shelf<T>[] = []
    if (scopes !== undefined) {
      const shelves = [...new Set(scopes)].flatMap((scope) => this.#shelves.get(scope) ?? [])
      first.push(...shelves.sort((a, b) => (isBefore(a, b, this.#before) ? -1 : 1)).slice(0, limit))
    } else {
      for (let next = this.#order.peek(); next !== undefined && first.length < limit; next = this.#order.peek()) {
        this.#order.remove(next)
        first.push(next)
      }
      for (const shelf of first) this.#order.push(shelf)
    }
    return first.flatMap(({ heap }) => heap.peek()?.scope ?? [])
  }

  push(item: T): void {
    const shelf = this.#shelves.get(item.scope)
    if (shelf !== undefined) {
      shelf.heap.push(item)
      this.#order.moved(shelf)
      return
    }
    const added: Shelf<T> = { heap: new Heap(this.#before), heapIndex: -1 }
    added.heap.push(item)
    this.#shelves.set(item.scope, added)
    this.#order.push(added)
  }

  remove(item: T): void {
    const shelf = this.#shelves.get(item.scope)
    if (shelf === undefined) return
    shelf.heap.remove(item)
    if (shelf.heap.size > 0) return this.#order.moved(shelf)
    this.#order.remove(shelf)
    this.#shelves.delete(item.scope)
  }

  /** As `Heap.countFront`, over one scope or all. */
  countFront(test: (item: T) => boolean, scope: ScopeId | undefined): number {
    if (scope !== undefined) return this.#shelves.get(scope)?.heap.countFront(test) ?? 0
    let count = 0
    for (const shelf of this.#shelves.values()) count += shelf.heap.countFront(test)
    return count
  }
}

function isBefore<T extends ScopedItem>(a: Shelf<T>, b: Shelf<T>, before: (a: T, b: T) => boolean): boolean {
  const [first, second] = [a.heap.peek(), b.heap.peek()]
  return first !== undefined && second !== undefined && before(first, second)
}
