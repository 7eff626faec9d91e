using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Cli.Inspection;

/// <summary>Writes what <c>inspect</c> found for people.</summary>
internal static class InspectionText
{
    /// <summary>The native libraries.</summary>
    public static void Write(TextWriter output, NativeDiagnostics native)
    {
        output.WriteLine("Native libraries");
        Format.Facts(output, [
            ("directory", native.Directory),
            ("llama.cpp", native.LlamaVersion),
            ("ggml", $"{native.GgmlVersion} ({native.GgmlCommit})"),
            .. native.Backends.Select(static backend => ("backend", backend)),
            .. native.Devices.Select(static device => ("device", Describe(device))),
            ("features", native.CpuFeatures),
        ]);
    }

    static string Describe(NativeDevice device) =>
        $"{device.Name} ({device.Kind}, {device.Backend}): {device.Description}, "
        + $"{Format.Bytes(device.FreeBytes)} of {Format.Bytes(device.MemoryBytes)} free";

    /// <summary>A file.</summary>
    public static void Write(TextWriter output, GgufReport file)
    {
        output.WriteLine();
        output.WriteLine(TerminalText.OneLine($"{file.Path}: {file.Kind}"));
        List<(string, string)> facts =
        [
            ("size", Format.Bytes(file.Bytes)),
            ("name", file.Name ?? "(none)"),
            ("architecture", $"{file.Architecture ?? "(none)"}, GGUF version {file.GgufVersion}"),
            ("tensors", $"{file.TensorCount}: {string.Join(", ", file.TensorTypes.Select(static t => $"{t.Key} {Format.Bytes(t.Value)}"))}"),
        ];
        if (file.Language is { } language) facts.AddRange(Facts(language));
        if (file.Vision is { } vision) facts.AddRange(Facts(vision));
        Format.Facts(output, facts);

        output.WriteLine();
        Format.Facts(output, [.. file.Metadata.Select(static pair => (pair.Key, TerminalText.OneLine(pair.Value)))]);
    }

    /// <summary>Whether a language model and a projector belong together; nothing for other sets of files.</summary>
    public static void WriteFit(TextWriter output, IReadOnlyList<GgufReport> files)
    {
        LanguageReport? language = files.FirstOrDefault(static f => f.Language is not null)?.Language;
        VisionReport? vision = files.FirstOrDefault(static f => f.Vision is not null)?.Vision;
        if (files.Count != 2 || language is null || vision is null) return;
        output.WriteLine();
        output.WriteLine(language.Width == vision.OutputWidth
            ? $"The two files fit each other: visual tokens have the language model's width, {language.Width}."
            : $"The two files do NOT fit each other: visual tokens have width {vision.OutputWidth}, the language model {language.Width}.");
    }

    static string OrByLayer(uint? size) => size is { } one ? $"{one}" : "(by layer)";

    static IEnumerable<(string, string)> Facts(LanguageReport model) =>
    [
        ("geometry", $"{model.Layers} layers, width {model.Width}, feed-forward {OrByLayer(model.FeedForward)}, "
            + $"{OrByLayer(model.Heads)} heads ({OrByLayer(model.KeyValueHeads ?? model.Heads)} of keys and values)"),
        ("context", $"{model.Context} positions"),
        ("vocabulary", $"{model.Vocabulary} pieces ({model.Tokenizer}), {(model.HasChatTemplate ? "with" : "without")} a chat template"),
    ];

    static IEnumerable<(string, string)> Facts(VisionReport tower) =>
    [
        ("input", $"{tower.ImageSize} x {tower.ImageSize} pixels in patches of {tower.PatchSize}: {tower.Patches / (tower.ProjectorType is "ldp" or "ldpv2" ? 4 : 1)} visual tokens per view"),
        ("geometry", $"{tower.BlocksStored} blocks, width {tower.Width}, feed-forward {tower.FeedForward}, {tower.Heads} heads, {tower.Activation}"),
        ("feature layer", tower.FeatureLayer is int layer ? $"{layer}" : "the last block"),
        ("layout", tower.Layout),
        ("projector", $"{tower.ProjectorType ?? "(none)"}, output width {tower.OutputWidth}"),
    ];
}
