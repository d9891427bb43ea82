"use strict";
(function () {
  const canvas = document.getElementById("view"), note = document.getElementById("view-note");
  const gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) { note.textContent = "This browser has no WebGL: the 3D view cannot be shown."; return; }
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const scene = SCENE, places = new Uint16Array(bytes(scene.points).buffer), colors = bytes(scene.colors);
  const labels = scene.labels.map((label) => bytes(label.probability));
  const shader = (type, text) => {
    const made = gl.createShader(type);
    gl.shaderSource(made, text); gl.compileShader(made);
    if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made));
    return made;
  };
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl.VERTEX_SHADER, `
    attribute vec3 place; attribute vec3 color; attribute float label;
    uniform mat4 camera; uniform vec3 low, span; uniform float size, threshold, plain;
    varying vec3 shade;
    void main() {
      gl_Position = camera * vec4(low + place * span, 1.0);
      gl_PointSize = clamp(size / gl_Position.w, 1.5, 24.0);
      float known = step(label, 0.998);
      float hot = known * step(threshold, label) * (1.0 - plain);
      float grey = dot(color, vec3(0.3, 0.55, 0.15));
      vec3 calm = mix(mix(vec3(grey), color, 0.35) * 0.75, color, plain);
      shade = mix(calm, mix(vec3(1.0, 0.35, 0.1), color, 0.25), hot);
    }`));
  gl.attachShader(program, shader(gl.FRAGMENT_SHADER, `
    precision mediump float; varying vec3 shade;
    void main() { if (length(gl_PointCoord - 0.5) > 0.5) discard; gl_FragColor = vec4(shade, 1.0); }`));
  gl.linkProgram(program); gl.useProgram(program);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const feed = (name, data, count, type) => {
    const buffer = gl.createBuffer(), at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer); gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(at); gl.vertexAttribPointer(at, count, type, true, 0, 0);
    return buffer;
  };
  feed("place", places, 3, gl.UNSIGNED_SHORT); feed("color", colors, 3, gl.UNSIGNED_BYTE);
  const none = new Uint8Array(colors.length / 3), labelBuffer = feed("label", none, 1, gl.UNSIGNED_BYTE);
  gl.enable(gl.DEPTH_TEST); gl.clearColor(0.063, 0.075, 0.102, 1);
  const low = scene.low, span = scene.span;
  const start = { azimuth: 0.8, elevation: 0.75, distance: 0.85 * scene.reach };
  let eye = { ...start }, target = [...scene.middle];
  const chooser = document.getElementById("label"), slider = document.getElementById("threshold");
  const shown = document.getElementById("threshold-shown");
  scene.labels.forEach((label, i) => chooser.add(new Option(label.instruction, i)));
  chooser.add(new Option("(colours only)", -1));
  const found = labels.findIndex((label) => label.some((value) => value >= 127 && value < 255));
  chooser.value = String(Math.max(found, labels.length ? 0 : -1));
  const cross = (a, b) => [a[1]*b[2]-a[2]*b[1], a[2]*b[0]-a[0]*b[2], a[0]*b[1]-a[1]*b[0]];
  const dot = (a, b) => a[0]*b[0] + a[1]*b[1] + a[2]*b[2];
  function axes() {
    const ca = Math.cos(eye.azimuth), sa = Math.sin(eye.azimuth), ce = Math.cos(eye.elevation), se = Math.sin(eye.elevation);
    const back = [ca * ce, sa * ce, se], right = [-sa, ca, 0];
    return { back, right, up: cross(back, right) };
  }
  function draw() {
    const ratio = window.devicePixelRatio || 1, w = canvas.clientWidth * ratio, h = canvas.clientHeight * ratio;
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    gl.viewport(0, 0, w, h); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const { back, right, up } = axes(), from = target.map((v, i) => v + back[i] * eye.distance);
    const near = 0.02 * eye.distance, far = 20 * eye.distance, f = 1.7, n = (far + near) / (near - far);
    const rows = [[right, f * h / w], [up, f], [back, 1]].map(([axis, k]) => [...axis.map((v) => v * k), -dot(axis, from) * k]);
    const m = [];
    for (let c = 0; c < 4; c++) m.push(rows[0][c], rows[1][c], n * rows[2][c] + (c === 3 ? 2 * far * near / (near - far) : 0), -rows[2][c]);
    gl.uniformMatrix4fv(uniform("camera"), false, m);
    gl.uniform3fv(uniform("low"), low); gl.uniform3fv(uniform("span"), span);
    gl.uniform1f(uniform("size"), 1.3 * scene.spacing * f * h / 2);
    gl.uniform1f(uniform("threshold"), Number(slider.value)); gl.uniform1f(uniform("plain"), Number(chooser.value) < 0 ? 1 : 0);
    gl.drawArrays(gl.POINTS, 0, none.length);
  }
  function choose() {
    gl.bindBuffer(gl.ARRAY_BUFFER, labelBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, labels[Number(chooser.value)] || none, gl.STATIC_DRAW);
    shown.textContent = Number(slider.value).toFixed(2); draw();
  }
  chooser.addEventListener("change", choose); slider.addEventListener("input", choose);
  document.getElementById("reset").addEventListener("click", () => {
    eye = { ...start }; target = [...scene.middle]; draw();
  });
  let held = null;
  canvas.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY, e.shiftKey || e.button === 2]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("pointermove", (e) => {
    if (!held) return;
    const dx = e.clientX - held[0], dy = e.clientY - held[1]; held[0] = e.clientX; held[1] = e.clientY;
    if (held[2]) {
      const { right, up } = axes(), k = eye.distance / canvas.clientHeight;
      target = target.map((v, i) => v - (right[i] * dx - up[i] * dy) * k);
    } else {
      eye.azimuth -= dx * 0.008; eye.elevation = Math.min(1.55, Math.max(-1.55, eye.elevation + dy * 0.008));
    }
    draw();
  });
  canvas.addEventListener("wheel", (e) => { e.preventDefault(); eye.distance *= Math.exp(e.deltaY * 0.001); draw(); }, { passive: false });
  window.addEventListener("resize", draw);
  choose();
  canvas.dataset.ready = String(none.length);
})();
