import { type ConfigPath, isTree, setKey, showPath, type Tree } from './path.ts'

/** One layer of configuration: what it gives, and where each value comes from. */
export interface Layer {
  readonly tree: Tree
  sourceOf(path: ConfigPath): string
}

/** Layers folded into one: values, and the source of every leaf by its shown path. */
export interface Merged {
  readonly tree: Tree
  readonly sources: ReadonlyMap<string, string>
}

/** Folds layers, weakest first. Sections merge key by key; a list or a scalar replaces what was below it. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const sources = new Map<string, string>()
  let tree: Tree = {}
  for (const layer of layers) tree = mergeTree(tree, layer.tree, [], layer, sources)
  return { tree, sources }
}

function mergeTree(
  below: Tree,
  above: Tree,
  path: ConfigPath,
  layer: Layer,
  sources: Map<string, string>,
): Tree {
  const result: Tree = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const at = [...path, key]
    const old = Object.hasOwn(below, key) ? below[key] : undefined
    if (isTree(value) && isTree(old)) setKey(result, key, mergeTree(old, value, at, layer, sources))
    else {
      forget(at, sources)
      note(value, at, layer, sources)
      setKey(result, key, value)
    }
  }
  return result
}

function forget(path: ConfigPath, sources: Map<string, string>): void {
  const shown = showPath(path)
  for (const key of [...sources.keys()]) if (key === shown || key.startsWith(`${shown}.`)) sources.delete(key)
}

function note(value: unknown, path: ConfigPath, layer: Layer, sources: Map<string, string>): void {
  const children: readonly [string | number, unknown][] = Array.isArray(value)
    ? value.map((item, index) => [index, item])
    : isTree(value)
      ? Object.entries(value)
      : []
  if (children.length === 0) sources.set(showPath(path), layer.sourceOf(path))
  for (const [key, child] of children) note(child, [...path, key], layer, sources)
}

/** The source of `path`: its own, else that of the first value inside it, else that of what it is inside of. */
export function sourceNear(sources: ReadonlyMap<string, string>, path: ConfigPath): string | undefined {
  const shown = showPath(path)
  const own = sources.get(shown)
  if (own !== undefined) return own
  for (const [key, source] of sources) if (key.startsWith(`${shown}.`)) return source
  for (let length = path.length - 1; length > 0; length--) {
    const source = sources.get(showPath(path.slice(0, length)))
    if (source !== undefined) return source
  }
  return undefined
}
