/** Where a value stands in the configuration: keys of sections, indexes of lists. */
export type ConfigPath = readonly (string | number)[]

/** A section as it was given, before its schema has seen it. */
export type Tree = { [key: string]: unknown }

/** The path as people write it: `store.url`, `instances.0.port`. */
export function showPath(path: ConfigPath): string {
  return path.join('.')
}

/** Whether a value is a section (a plain object), as opposed to a list or a scalar. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Sets a key as its own property, so that a key called `__proto__` is a key like any other. */
export function setKey(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true })
}

/** The value at `path`, or undefined. */
export function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root
  for (const step of path) {
    if (Array.isArray(value) && typeof step === 'number') value = value[step]
    else if (isTree(value) && Object.hasOwn(value, step)) value = value[step]
    else return undefined
  }
  return value
}

/** Sets the value at `path`, making the sections on the way. */
export function setAt(tree: Tree, path: ConfigPath, value: unknown): void {
  const [first, ...rest] = path
  if (first === undefined) return
  const key = String(first)
  if (rest.length === 0) {
    setKey(tree, key, value)
    return
  }
  const there = Object.hasOwn(tree, key) ? tree[key] : undefined
  const inner = isTree(there) ? there : {}
  setKey(tree, key, inner)
  setAt(inner, rest, value)
}
