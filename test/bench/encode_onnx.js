// Times a model in ONNX Runtime, one thread: encode_onnx.js ONNX_FILE SECONDS SHAPE...; see encode_peers.py.
'use strict';
const ort = require('onnxruntime-node');

function cpuSeconds() {
	const used = process.cpuUsage();
	return (used.user + used.system) / 1e6;
}

async function fastest(session, ids, seconds) {
	const end = cpuSeconds() + seconds;
	let best = Infinity;
	while (cpuSeconds() < end) {
		const start = cpuSeconds();
		await session.run({ ids });
		best = Math.min(best, cpuSeconds() - start);
	}
	return best;
}

async function main([file, seconds, ...shapes]) {
	const options = { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all' };
	const session = await ort.InferenceSession.create(file, options);
	for (const shape of shapes) {
		const [texts, tokens] = shape.split('x').map(Number);
		const data = BigInt64Array.from({ length: texts * tokens }, (_, i) => BigInt(1000 + i % 1000));
		const ids = new ort.Tensor('int64', data, [texts, tokens]);
		await session.run({ ids });
		const best = await fastest(session, ids, Number(seconds));
		console.log(shape, 'onnxruntime', (texts * tokens / best).toFixed(0));
	}
}

main(process.argv.slice(2)).catch((error) => { console.error(error.message); process.exit(1); });
