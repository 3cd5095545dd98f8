// node node-sd-webui.mjs ADDRESS: what a user of the package does, and what they saw as JSON.
import sdwebui from 'node-sd-webui'

const client = sdwebui({ apiUrl: process.argv[2] })
const drawn = await client.txt2img({ prompt: 'a cat', negativePrompt: 'dog', samplingMethod: 'Euler a', width: 64, height: 64, steps: 2, seed: 5, batchCount: 2 })
const edited = await client.img2img({ imageData: [drawn.images[0]], prompt: 'a hat', samplingMethod: 'Euler a', width: 64, height: 96, steps: 2, resizeMode: 1 })
let refused
try {
  await client.txt2img({ prompt: 'a cat', width: 64, height: 64, steps: 1, script: { name: 'X/Y/Z plot' } })
} catch (error) {
  refused = error.message
}
console.log(JSON.stringify({
  drawn: drawn.images.length,
  seeds: JSON.parse(drawn.info).all_seeds,
  edited: edited.images.length,
  text: await client.pngInfo({ imageData: drawn.images[1] }),
  refused,
}))
