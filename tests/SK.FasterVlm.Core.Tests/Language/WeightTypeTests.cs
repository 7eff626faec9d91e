using SK.FasterVlm.Gguf;
using SK.FasterVlm.Language;

namespace SK.FasterVlm.Core.Tests.Language;

/// <summary>Every type of matrix that the check of a language model's file lets through can be loaded, looked up and multiplied.</summary>
public sealed class WeightTypeTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    // Rows of 256, which every block divides.
    static readonly ModelGeometry s_wide = ModelGeometry.Tiny with
    {
        Language = ModelGeometry.Tiny.Language with { Width = 256, FeedForward = 256, Heads = 4, KeyValueHeads = 4 },
    };

    public static TheoryData<GgmlType> Types => [.. Enum.GetValues<GgmlType>()];

    [Theory, MemberData(nameof(Types))]
    public void A_model_in_any_type_is_run_or_refused(GgmlType type)
    {
        bool runs = type is not (GgmlType.Q8_1 or GgmlType.Q8_K or GgmlType.I8 or GgmlType.I16 or GgmlType.I32 or GgmlType.I64 or GgmlType.F64);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, AllMatricesIn(type));
            if (!runs)
            {
                Assert.Contains(type.ToString(), Assert.Throws<ModelFormatException>(() => tiny.Load(path: path)).Message, StringComparison.Ordinal);
                return;
            }
            using LlamaCppLanguageModel model = tiny.Load(static o => o.ContextLength = 32, path);
            // Text beside a visual token goes in as rows of the table, which are made of its blocks by the library.
            model.Evaluate(0, [Rows.Tokens(1, 5), Rows.Image(model, 1), Rows.Tokens(6)], TestContext.Current.CancellationToken);
            Assert.All(model.GetLogits(0).ToArray(), static logit => Assert.Equal(0, logit)); // all weights are zero
        }
        finally
        {
            File.Delete(path);
        }
    }

    static byte[] AllMatricesIn(GgmlType type)
    {
        using GgufFile file = GgufFile.Parse(SyntheticLanguage.Build(s_wide, new SyntheticModelOptions()).ToArray().Bytes);
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in file.Metadata.Entries) writer.Add(key, value);
        foreach (GgufTensorInfo tensor in file.Tensors)
        {
            if (tensor.Dims.Length > 1) writer.AddTensor(tensor.Name, type, tensor.Dims.Span, static (bytes, _) => bytes.Span.Clear());
            else writer.AddTensor(tensor.Name, tensor.Type, tensor.Dims.Span, (bytes, start) => file.ReadTensor(tensor, bytes.Span, start));
        }
        return writer.ToArray().Bytes;
    }
}
