import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { judgeAdvisories } from '../../scripts/supply-chain/judge-advisories.ts'
import { judgeLock } from '../../scripts/supply-chain/judge-lock.ts'
import { projectRoot } from '../harness/project-root.ts'

const good = { version: '1.0.0', integrity: 'sha512-x', license: 'MIT' }
const judged = (over: object, allowed = {}) =>
  judgeLock({ '': {}, 'node_modules/a': { ...good, ...over } }, allowed)

describe('the lock file is refused', () => {
  test.each([
    ['without a hash', { integrity: undefined }, 'without a hash'],
    ['from a repository', { resolved: 'git+ssh://somewhere/a.git' }, 'not come from the registry'],
    ['from a folder', { link: true }, 'not come from the registry'],
    ['without a licence', { license: undefined }, 'no licence'],
    ['under a licence nobody agreed to', { license: 'AGPL-3.0-only' }, 'AGPL-3.0-only'],
    ['under two, one of which nobody agreed to', { license: '(MIT AND SSPL-1.0)' }, 'SSPL-1.0'],
    ['with a builder’s licence in what customers get', { license: 'MPL-2.0' }, 'MPL-2.0'],
    ['with an install script nobody named', { hasInstallScript: true }, 'install script'],
  ])('with a package %s', (_, over, text) => {
    expect(judged(over).join()).toContain(text)
  })

  test('not with a choice of licences, a builder’s one where it only builds, or a script that was named', () => {
    expect(judged({ license: 'GPL-3.0 OR MIT' })).toEqual([])
    expect(judged({ license: 'MPL-2.0', dev: true })).toEqual([])
    expect(judged({ hasInstallScript: true }, { a: false })).toEqual([])
  })
})

describe('advisories', () => {
  test('only serious ones fail, each by name', () => {
    const vulnerabilities = { a: { severity: 'critical' }, b: { severity: 'low' }, c: { severity: 'high' } }
    expect(judgeAdvisories(JSON.stringify({ vulnerabilities }))).toEqual({
      kind: 'found',
      packages: ['a (critical)', 'c (high)'],
    })
    expect(judgeAdvisories('{"vulnerabilities":{}}')).toEqual({ kind: 'none' })
  })

  test('what is no report is never taken for a good one, and names no registry', () => {
    expect(judgeAdvisories('').kind).toBe('unknown')
    expect(judgeAdvisories('{"message":"405 Not Allowed - POST https://registry.example/-/bulk"}')).toEqual({
      kind: 'unknown',
      why: '405 Not Allowed - POST the registry',
    })
  })
})

test('the bill of materials names every library of production, with its version and licence', {
  timeout: 60_000,
}, () => {
  const made = spawnSync(process.execPath, ['scripts/supply-chain/sbom.ts'], {
    cwd: projectRoot,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  expect(made.stderr).toBe('')
  const bom = JSON.parse(made.stdout) as {
    readonly bomFormat: string
    readonly metadata: { readonly component: { readonly name: string } }
    readonly components: readonly {
      readonly purl: string
      readonly licenses?: readonly unknown[]
    }[]
  }
  expect(bom.bomFormat).toBe('CycloneDX')
  expect(bom.metadata.component.name).toBe('holdfast')
  const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  for (const [name, version] of Object.entries(dependencies)) {
    const found = bom.components.find(each => each.purl === `pkg:npm/${name.replace('@', '%40')}@${version}`)
    expect(found?.licenses, name).toHaveLength(1)
  }
  expect(bom.components.some(each => each.purl.startsWith('pkg:npm/vitest@'))).toBe(false)
})
