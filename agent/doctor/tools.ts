import { AppError } from '../../shared/errors/index.ts'
import type { Codec } from '../../shared/model/engine.ts'
import type { ToolFinder } from '../engines/port.ts'
import type { DoctorFinding } from './finding.ts'

/** What a tool is for, and how grave it is to be without. */
interface Need {
  readonly tool: string
  readonly without: 'problem' | 'warning' | 'note'
  readonly why: string
}

const always: readonly Need[] = [
  { tool: 'setpriv', without: 'problem', why: 'children could outlive a killed agent' },
  { tool: 'pv', without: 'problem', why: 'no byte of a dump could be accounted for' },
  { tool: 'age', without: 'note', why: 'nothing can be encrypted here' },
  { tool: 'ionice', without: 'note', why: 'dumps cannot be made to yield to other work' },
]
const codecs: readonly Codec[] = ['zstd', 'gzip', 'xz', 'bzip2']

/**
 * The tools of the pipeline. Those of the databases are looked for with each instance, since the version that
 * is needed is the server's.
 *
 * @param codec what this agent uses when a job names none
 */
export async function checkTools(tools: ToolFinder, codec: Codec): Promise<readonly DoctorFinding[]> {
  const needs: readonly Need[] = [
    ...always,
    ...codecs.map(
      (tool): Need => ({
        tool,
        without: tool === codec ? 'problem' : 'note',
        why:
          tool === codec ? `it is the codec of this agent` : `backups with codec ${tool} cannot be made here`,
      }),
    ),
  ]
  return Promise.all(needs.map(need => checkTool(tools, need)))
}

async function checkTool(tools: ToolFinder, need: Need): Promise<DoctorFinding> {
  const finding = (level: DoctorFinding['level'], detail: string): DoctorFinding => ({
    ...{ area: 'tools', subject: need.tool, level, detail },
  })
  try {
    const { path, version } = await tools.find([need.tool])
    return finding('ok', version === '' ? path : `${version} (${path})`)
  } catch (thrown) {
    const error = AppError.from(thrown)
    const wanted = error.context['package']
    const install = typeof wanted === 'string' ? `; install ${wanted}` : ''
    return finding(need.without, `not found: ${need.why}${install}`)
  }
}
