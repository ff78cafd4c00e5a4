import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { replay } from './transcript.ts'

const folder = join(import.meta.dirname, 'transcripts')
const files = readdirSync(folder).filter(name => name.endsWith('.txt'))

// `vitest run -u` writes them again: read the difference before you commit it.
describe('the job machine, as transcripts', () => {
  it('finds them', () => expect(files.length).toBeGreaterThanOrEqual(8))
  for (const file of files)
    it(file.replace('.txt', '').replaceAll('-', ' '), async () => {
      const path = join(folder, file)
      await expect(replay(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path)
    })
})
