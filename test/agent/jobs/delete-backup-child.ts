/** Deletes one backup of a directory store in a process of its own, to be killed on the way. argv: root, spec as JSON. */
import { deleteRecipe } from '../../../agent/jobs/delete.ts'
import { DeleteSpec } from '../../../shared/wire/gen/holdfast/v1/agent_link.ts'
import { allowing } from './delete-voice.ts'
import { folders, makeWorld } from './world.ts'

const [root = '', spec = '{}'] = process.argv.slice(2)
const world = await makeWorld(await folders(root))
await deleteRecipe(DeleteSpec.fromJSON(JSON.parse(spec)), world).run(allowing().voice)
console.log('done')
