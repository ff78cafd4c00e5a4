import { join } from 'node:path'

/** Where the contract lies: the only place of the coordinator that knows the layout on disk. */
export const contractFolder = join(import.meta.dirname, '..', '..', 'proto')

/** The services reflection tells of. */
export const contractFiles = [
  'holdfast/v1/agent_link.proto',
  'holdfast/v1/enrolment.proto',
  'holdfast/v1/operator.proto',
]
