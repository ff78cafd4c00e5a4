import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, runTool } from './project.ts'

const pages = globSync('**/*.md', {
  cwd: root,
  exclude: path => /(^|\/)(node_modules|\.git)(\/|$)/.test(path),
})
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

describe('documents', () => {
  test('there are some', () => expect(pages).toContain('README.md'))

  test.each(pages)('%s links only to what exists', page => {
    const text = readFileSync(join(root, page), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(
      ([, link]) => link ?? '',
    )
    expect(links.filter(link => !existsSync(join(root, dirname(page), link)))).toEqual([])
  })

  test.each(pages)('%s names only npm scripts that there are', page => {
    const text = readFileSync(join(root, page), 'utf8')
    const named = [...text.matchAll(/\bnpm run (?:-s )?([a-z][a-z:]*)/g)].map(([, name]) => name ?? '')
    expect(named.filter(name => !(name in scripts))).toEqual([])
  })

  test('rules and checklists name only files of the project that exist', () => {
    const missing = pages
      .filter(page => page.startsWith('docs/checklists/') || page === 'CONTRIBUTING.md')
      .flatMap(page => {
        const text = readFileSync(join(root, page), 'utf8')
        const files = [
          ...text.matchAll(/`((?!\S*NNNN)(?:coordinator|agent|cli|shared|docs|test|proto|lint)\/[\w./-]+)`/g),
        ].map(([, file]) => file ?? '')
        return files.filter(file => !existsSync(join(root, file))).map(file => `${page}: ${file}`)
      })
    expect(missing).toEqual([])
  })
})

describe('benchmarks by name', () => {
  test('an unknown name is an error that lists the known ones', async () => {
    const { status, output } = await runTool('node', ['bench/run.ts', 'nothing', '--json'], root)
    expect(status).toBe(2)
    expect(output).toMatch(/no benchmark is called "nothing"; (known: |there are none yet)/)
  })

  test('no name is an error that says how', async () => {
    const { status, output } = await runTool('node', ['bench/run.ts'], root)
    expect(status).toBe(2)
    expect(output).toContain('npm run bench -- NAME')
  })
})
