import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { logFields } from '../../shared/log/index.ts'
import { projectRoot } from '../harness/project-root.ts'

const methods = ['debug', 'info', 'warn', 'error', 'child']

/** The fields that calls of a log name in a file, each with its place. */
function fieldsIn(file: string, text: string): readonly (readonly [field: string, place: string])[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: (readonly [string, string])[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { name, expression } = node.expression
      const fields = node.arguments[name.text === 'child' ? 0 : 1]
      if (methods.includes(name.text) && /log$/i.test(expression.getText()) && fields !== undefined)
        for (const property of ts.isObjectLiteralExpression(fields) ? fields.properties : [])
          if (property.name !== undefined) {
            const { line } = source.getLineAndCharacterOfPosition(property.getStart())
            found.push([property.name.getText(), `${file}:${line + 1}`])
          }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

const files = globSync('{coordinator,agent,shared}/**/*.ts', { cwd: projectRoot })
const used = files.flatMap(file => fieldsIn(file, readFileSync(join(projectRoot, file), 'utf8')))

test('a field that is not in the registry is found', () => {
  expect(fieldsIn('x.ts', "world.log.warn('x', { colour: 1, job_id })\nthis.#log.child({ a })")).toEqual([
    ['colour', 'x.ts:1'],
    ['job_id', 'x.ts:1'],
    ['a', 'x.ts:2'],
  ])
})

test('every field that is logged is documented', () => {
  expect(used.length).toBeGreaterThan(100)
  expect(used.filter(([field]) => !Object.hasOwn(logFields, field))).toEqual([])
})

test('none has the name of what stands in every line', () => {
  for (const name of ['level', 'time', 'name', 'msg']) expect(Object.keys(logFields)).not.toContain(name)
})
