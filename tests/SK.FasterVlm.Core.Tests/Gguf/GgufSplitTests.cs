using SK.FasterVlm.Core.Tests.EndToEnd;
using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>Models in several files.</summary>
public sealed class GgufSplitTests : IDisposable
{
    readonly TemporaryDirectory _folder = new();
    readonly string _whole;

    public GgufSplitTests()
    {
        _whole = Path.Combine(_folder.Path, "whole.gguf");
        File.WriteAllBytes(_whole, GgufEdit.Model().ToArray());
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(3, true)] // gguf-split --no-tensor-first-split
    public void Parts_read_as_the_whole_file(int parts, bool emptyFirst)
    {
        using GgufFile whole = GgufFile.Open(_whole), split = GgufFile.Open(Split(parts, emptyFirst)[0]);
        Assert.Equal(parts, split.PartCount);
        Assert.Equal(whole.Tensors.Select(static t => t.ToString()), split.Tensors.Select(static t => t.ToString()));
        Assert.Equal(parts, split.Tensors.Select(static t => t.Part).Append(0).Distinct().Count());
        Assert.False(split.CanMap);
        Assert.Throws<InvalidOperationException>(split.Map);
        foreach (GgufTensorInfo tensor in whole.Tensors)
        {
            byte[] expected = new byte[tensor.ByteSize], actual = new byte[tensor.ByteSize];
            whole.ReadTensor(tensor, expected);
            split.ReadTensor(split.GetTensor(tensor.Name), actual);
            Assert.Equal(expected, actual);
        }
        Assert.Equal(64, LanguageHeader.Read(split).EmbeddingWidth);
    }

    [Fact]
    public void A_missing_part_is_named()
    {
        string[] parts = Split(3);
        File.Delete(parts[2]);
        var error = Assert.Throws<ModelFormatException>(() => GgufFile.Open(parts[0]));
        Assert.Contains("Part 3 of 3, 'tiny-00003-of-00003.gguf', is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_later_part_points_to_the_first()
    {
        string[] parts = Split(2);
        var error = Assert.Throws<ModelFormatException>(() => GgufFile.Open(parts[1]));
        Assert.Contains("part 2 of 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("'tiny-00001-of-00002.gguf'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Renamed_exchanged_truncated_and_doubled_parts_are_refused()
    {
        string[] parts = Split(3);
        string renamed = Path.Combine(_folder.Path, "model.gguf");
        File.Copy(parts[0], renamed);
        Refused(renamed, "must end with '-00001-of-00003.gguf'");

        byte[] second = File.ReadAllBytes(parts[1]);
        File.Copy(parts[2], parts[1], overwrite: true);
        Refused(parts[0], "tiny-00002-of-00003.gguf: The file is named as part 2 of 3 but says it is part 3 of 3");
        File.WriteAllBytes(parts[1], second[..^64]);
        Refused(parts[0], "tiny-00002-of-00003.gguf: Damaged GGUF file");
        File.WriteAllText(parts[1], "<html>");
        Refused(parts[0], "tiny-00002-of-00003.gguf: Not a GGUF file");

        using GgufFile whole = GgufFile.Open(_whole);
        Write(parts[1], 1, 3, whole, whole.Tensors.Take(2), metadata: false);
        Refused(parts[0], "occurs in two parts");
        Write(parts[1], 1, 3, whole, [], metadata: false);
        Refused(parts[0], "but the first says there are");

        static void Refused(string path, string message) =>
            Assert.Contains(message, Assert.Throws<ModelFormatException>(() => GgufFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_library_loads_a_split_model_and_it_answers_as_the_whole_one()
    {
        string projector = Path.Combine(_folder.Path, "mmproj.gguf");
        File.WriteAllBytes(projector, GgufEdit.Projector().ToArray());
        string[] answers = new string[2];
        string[] paths = [_whole, Split(3)[0]];
        for (int i = 0; i < 2; i++)
        {
            FasterVlmOptions options = new() { ModelPath = paths[i], ProjectorPath = projector, Threads = 1, MaxOutputTokens = 8 };
            await using FasterVlmModel model = await FasterVlmModel.LoadAsync(options, cancellationToken: TestContext.Current.CancellationToken);
            answers[i] = await TinyPair.AnswerAsync(model);
        }
        Assert.NotEmpty(answers[0]);
        Assert.Equal(answers[0], answers[1]);
    }

    public void Dispose() => _folder.Dispose();

    // As llama.cpp's gguf-split: metadata in the first part only, every part says which it is.
    string[] Split(int count, bool emptyFirst = false)
    {
        using GgufFile whole = GgufFile.Open(_whole);
        int per = (whole.Tensors.Count + count - 1) / count, filled = emptyFirst ? count - 1 : count;
        if (emptyFirst) per = (whole.Tensors.Count + filled - 1) / filled;
        string[] paths = [.. Enumerable.Range(1, count).Select(i => Path.Combine(_folder.Path, $"tiny-{i:00000}-of-{count:00000}.gguf"))];
        for (int i = 0; i < count; i++)
        {
            int from = emptyFirst ? i - 1 : i;
            Write(paths[i], i, count, whole, from < 0 ? [] : whole.Tensors.Skip(from * per).Take(per), metadata: i == 0);
        }
        return paths;
    }

    /// <summary>The parts of a model that holds a few tensors for each.</summary>
    internal static byte[][] Parts(byte[] model, int count)
    {
        using GgufFile whole = GgufFile.Parse(model);
        int per = (whole.Tensors.Count + count - 1) / count;
        return [.. Enumerable.Range(0, count).Select(i => Part(i, count, whole, whole.Tensors.Skip(i * per).Take(per), metadata: i == 0))];
    }

    static void Write(string path, int number, int count, GgufFile whole, IEnumerable<GgufTensorInfo> tensors, bool metadata) =>
        File.WriteAllBytes(path, Part(number, count, whole, tensors, metadata));

    static byte[] Part(int number, int count, GgufFile whole, IEnumerable<GgufTensorInfo> tensors, bool metadata)
    {
        var writer = new GgufWriter();
        if (metadata)
            foreach ((string key, GgufValue value) in whole.Metadata.Entries) writer.Add(key, value);
        writer.Add("split.no", (ushort)number).Add("split.count", (ushort)count).Add("split.tensors.count", whole.Tensors.Count);
        foreach (GgufTensorInfo tensor in tensors)
            writer.AddTensor(tensor.Name, tensor.Type, tensor.Dims.Span, (destination, start) => whole.ReadTensor(tensor, destination.Span, start));
        return writer.ToArray().Bytes;
    }
}
