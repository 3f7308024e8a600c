/** A store as a process sees it that may die: from then on its calls neither take effect nor come back. */
export interface Mortal {
  isDead: boolean
}

export function mortalStore<Store extends object>(store: Store, mortal: Mortal): Store {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]): Promise<unknown> => {
        if (mortal.isDead) return new Promise(() => undefined)
        const result: unknown = await value.apply(target, args)
        return mortal.isDead ? new Promise(() => undefined) : result
      }
    },
  })
}
