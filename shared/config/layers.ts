import { type ConfigPath, isTree, setKey, showPath, type Tree } from './path.ts'

/** One layer of configuration: what it gives, and where each value comes from. */
export interface Layer {
  readonly tree: Tree
  sourceOf(path: ConfigPath): string
}

/** Where values come from, by their shown path: leaves, and the sections and lists around them. */
export interface Sources {
  readonly leaves: ReadonlyMap<string, string>
  readonly sections: ReadonlyMap<string, string>
}

/** Layers folded into one. */
export interface Merged {
  readonly tree: Tree
  readonly sources: Sources
}

interface Notes {
  readonly leaves: Map<string, string>
  readonly sections: Map<string, string>
}

/** Folds layers, weakest first. Sections merge key by key; a list or a scalar replaces what was below it. */
export function mergeLayers(layers: readonly Layer[]): Merged {
  const sources: Notes = { leaves: new Map(), sections: new Map() }
  let tree: Tree = {}
  for (const layer of layers) tree = mergeTree(tree, layer.tree, [], layer, sources)
  return { tree, sources }
}

function mergeTree(below: Tree, above: Tree, path: ConfigPath, layer: Layer, sources: Notes): Tree {
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

function forget(path: ConfigPath, sources: Notes): void {
  const shown = showPath(path)
  for (const map of [sources.leaves, sources.sections])
    for (const key of [...map.keys()]) if (key === shown || key.startsWith(`${shown}.`)) map.delete(key)
}

function note(value: unknown, path: ConfigPath, layer: Layer, sources: Notes): void {
  const children: readonly [string | number, unknown][] = Array.isArray(value)
    ? value.map((item, index) => [index, item])
    : isTree(value)
      ? Object.entries(value)
      : []
  const map = children.length === 0 ? sources.leaves : sources.sections
  map.set(showPath(path), layer.sourceOf(path))
  for (const [key, child] of children) note(child, [...path, key], layer, sources)
}

/** The source of a value: its own, else that of the value it was made of. Undefined for what nobody gave. */
export function sourceOfValue(sources: Sources, path: ConfigPath): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const source = sources.leaves.get(showPath(path.slice(0, length)))
    if (source !== undefined) return source
  }
  return undefined
}

/** The source of a value, a section, or what is missing in one: the nearest thing that was given. */
export function sourceNear(sources: Sources, path: ConfigPath): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const shown = showPath(path.slice(0, length))
    const source = sources.leaves.get(shown) ?? sources.sections.get(shown)
    if (source !== undefined) return source
  }
  return undefined
}
