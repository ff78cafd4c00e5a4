import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import {
  type Document,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  stringify,
  visit,
} from 'yaml'
import { AppError } from '../errors/index.ts'
import { type ConfigPath, showPath } from './path.ts'

/** A YAML text taken apart: its value, and the line of each key. */
export interface YamlText {
  readonly value: unknown
  /** `file:line` of the key or item at `path`, else of the nearest thing around it. */
  sourceOf(path: ConfigPath): string
}

/** A YAML text, or everything that keeps it from being one, each with its line. */
export type ParsedYaml =
  | { readonly kind: 'parsed'; readonly text: YamlText }
  | {
      readonly kind: 'broken'
      readonly problems: readonly { readonly source: string; readonly message: string }[]
    }

/**
 * Parses one YAML 1.2 document. Repeated keys, unknown tags and anchors blown up by aliases are problems.
 * @param name what `file:line` calls the text
 */
export function parseYaml(text: string, name: string): ParsedYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => `${name}:${lines.linePos(offset).line}`
  const problems = [...document.errors, ...document.warnings].map(error => ({
    source: at(error.pos[0]),
    message: (error.message.split('\n')[0] ?? '')
      .replace(/\.$/, '')
      .replace(/^./, first => first.toLowerCase()),
  }))
  problems.push(
    ...insideThemselves(document).map(offset => ({
      source: at(offset),
      message: 'an alias must not refer to what it stands in',
    })),
  )
  if (problems.length > 0) return { kind: 'broken', problems }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 50 })
  } catch (thrown) {
    return { kind: 'broken', problems: [{ source: name, message: AppError.from(thrown).message }] }
  }
  const offsets = new Map<string, number>()
  collect(document.contents, [], offsets)
  return {
    kind: 'parsed',
    text: {
      value,
      sourceOf: path => {
        for (let length = path.length; length > 0; length--) {
          const offset = offsets.get(showPath(path.slice(0, length)))
          if (offset !== undefined) return at(offset)
        }
        return name
      },
    },
  }
}

/** A value as YAML that reads back as the same. */
export function toYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 120 })
}

/** Where aliases stand that refer to something around them: its value would have no end. */
function insideThemselves(document: Document.Parsed): readonly number[] {
  const found: number[] = []
  visit(document, {
    Alias: (_, alias, around) => {
      const target = alias.resolve(document)
      if (target !== undefined && around.includes(target)) found.push(alias.range?.[0] ?? 0)
    },
  })
  return found
}

function collect(node: Node | null, path: ConfigPath, offsets: Map<string, number>): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue
      const at = [...path, String(pair.key.value)]
      const start = pair.key.range?.[0]
      if (start !== undefined) offsets.set(showPath(at), start)
      collect(pair.value as Node | null, at, offsets)
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, index) => {
      const at = [...path, index]
      const start = (item as Node | null)?.range?.[0]
      if (start !== undefined) offsets.set(showPath(at), start)
      collect(item as Node | null, at, offsets)
    })
  }
}

/** Reads and parses a file; `config.unreadable` when it cannot be read. Sources name the file by its base name. */
export function readYamlFile(path: string): ParsedYaml {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    const reason = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    throw new AppError('config.unreadable', {
      message: `the file ${path} cannot be read: ${reason}`,
      context: { file: path, reason },
      cause: thrown,
    })
  }
  return parseYaml(text, basename(path))
}
