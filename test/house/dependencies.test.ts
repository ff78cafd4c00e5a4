import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectRoot } from '../harness/project-root.ts'

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8')
const manifest = JSON.parse(read('package.json')) as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}
const told = new Map(
  read('docs/architecture/dependencies.md')
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .flatMap(line => {
      const [, names = '', licence = ''] = line.split('|').map(cell => cell.trim())
      return names.split(', ').map(name => [name.replaceAll('`', ''), licence] as const)
    }),
)

describe('what is not ours', () => {
  test('every library of production has its line, and every line its library', () => {
    const used = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.optionalDependencies)]
    expect([...told.keys()].sort()).toEqual(used.sort())
  })

  test('the licence told is the one its package states', () => {
    for (const name of Object.keys(manifest.dependencies)) {
      const { license } = JSON.parse(read(`node_modules/${name}/package.json`)) as {
        readonly license: string
      }
      expect(told.get(name), name).toBe(license.replaceAll(/[()]/g, '').replace(' AND ', ' and '))
    }
  })

  test('versions are exact', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version, name).toMatch(/^(npm:.+@)?\d+\.\d+\.\d+$/)
  })
})
