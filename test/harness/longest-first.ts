import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { projectRoot } from './project-root.ts'

/** Folders whose files start real servers, the slowest first: minutes and tens of seconds, where the others take seconds. */
const slow = [
  'test/e2e/',
  'test/integration/',
  'test/faults/',
  'test/conformance/',
  'test/shared/object-store/',
]

/**
 * Slow files first, so that no worker is left alone with one at the end. Vitest would go by what it remembers of the
 * last run; a clean clone remembers nothing.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const path = relative(projectRoot, moduleId)
      const at = slow.findIndex(folder => path.startsWith(folder))
      return at < 0 ? slow.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}
