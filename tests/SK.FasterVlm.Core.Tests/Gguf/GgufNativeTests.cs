using System.Runtime.InteropServices;
using System.Text;
using SK.FasterVlm.Gguf;
using SK.FasterVlm.Native;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>The managed code against the pinned libraries: sizes, conversions, and what they make of our files.</summary>
public sealed unsafe class GgufNativeTests
{
    public GgufNativeTests() => NativeRuntime.Load(new NativeOptions { Backend = NativeBackend.Cpu });

    [Fact]
    public void Types_HaveTheSizesOfGgml()
    {
        foreach (GgmlType type in Enum.GetValues<GgmlType>())
        {
            Assert.True(type.IsKnown(), $"{type}");
            var native = (ggml_type)type;
            Assert.Equal((Ggml.ggml_blck_size(native), (long)Ggml.ggml_type_size(native)), (type.BlockSize(), type.BlockBytes()));
        }
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.BF16)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_0)]
    public void Quantize_GivesTheBytesOfGgml(GgmlType type)
    {
        float[] values = Values();
        byte[] ours = new byte[type.RowBytes(values.Length)], theirs = new byte[ours.Length];
        GgmlBlocks.Quantize(type, values, ours);
        fixed (float* source = values)
        fixed (byte* destination = theirs) Ggml.ggml_quantize_chunk((ggml_type)type, source, destination, 0, 4, values.Length / 4, null);
        Assert.Equal(theirs, ours);
    }

    [Theory]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.BF16)]
    [InlineData(GgmlType.Q4_0)]
    [InlineData(GgmlType.Q4_1)]
    [InlineData(GgmlType.Q5_0)]
    [InlineData(GgmlType.Q5_1)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_K)]
    [InlineData(GgmlType.Q5_K)]
    [InlineData(GgmlType.Q6_K)]
    public void Dequantize_GivesTheFloatsOfGgml(GgmlType type)
    {
        float[] values = Values(), ours = new float[values.Length], theirs = new float[values.Length];
        byte[] blocks = new byte[type.RowBytes(values.Length)];
        fixed (float* source = values, floats = theirs)
        fixed (byte* bytes = blocks)
        {
            Ggml.ggml_quantize_chunk((ggml_type)type, source, bytes, 0, 4, values.Length / 4, null);
            Ggml.ggml_get_type_traits((ggml_type)type)->to_float(bytes, floats, values.Length);
        }
        GgmlBlocks.Dequantize(type, blocks, ours);
        for (int i = 0; i < ours.Length; i++)
        {
            // The libraries may contract a * b + c; one unit in the last place of the larger operand.
            Assert.True(MathF.Abs(ours[i] - theirs[i]) <= 1e-6f * MathF.Max(1, MathF.Abs(theirs[i])),
                $"{i}: {ours[i]} against {theirs[i]}");
        }
    }

    [Fact]
    public void WhatOurReaderAccepts_GgmlAcceptsWithEqualCounts()
    {
        using var gguf = new NativeGguf();
        int compared = 0;
        void Compare(byte[] bytes)
        {
            GgufFile file;
            try
            {
                file = GgufFile.Parse(bytes);
            }
            catch (ModelFormatException)
            {
                return;
            }
            compared++;
            (int entries, int tensors, long dataOffset) = gguf.Read(bytes);
            Assert.Equal((file.Metadata.Entries.Count, file.Tensors.Count), (entries, tensors));
            if (tensors > 0) Assert.Equal(file.DataOffset, dataOffset); // ggml does not pad towards no data
        }

        Compare(GgufEdit.Model().ToArray());
        Compare(GgufEdit.Projector().ToArray());
        byte[] sample = GgufSample.Bytes;
        foreach ((int offset, int size, _) in GgufSample.Integers)
        {
            foreach (ulong value in (ulong[])[0, 1, 1ul << 31, ulong.MaxValue]) Compare(GgufSample.Patch(sample, offset, size, value));
        }
        for (int i = 0; i < 5000; i++) Compare(GgufFuzzTests.Mutate(sample, new Random(i)));
        Assert.InRange(compared, 500, 5000);
    }

    [Theory]
    [InlineData(GgmlType.F32)]
    [InlineData(GgmlType.F16)]
    [InlineData(GgmlType.Q8_0)]
    [InlineData(GgmlType.Q4_0)]
    public void Synthetic_LoadsAndGivesFiniteLogitsThatDependOnTheText(GgmlType type)
    {
        using Loaded model = Load(new SyntheticModelOptions { LanguageType = type });
        float[] red = model.LogitsAfter("What is red?"), blue = model.LogitsAfter("What is blue?");
        Assert.Equal(768, red.Length);
        Assert.All(red, static v => Assert.True(float.IsFinite(v)));
        Assert.InRange(red.Max() - red.Min(), 1f, 100f);
        Assert.NotEqual(red, blue);
    }

    [Theory]
    [InlineData(SyntheticVocabularyKind.Spm)]
    [InlineData(SyntheticVocabularyKind.BpeLlama3)]
    [InlineData(SyntheticVocabularyKind.BpeChatMl)]
    public void Synthetic_TokenisesAnyTextAndBack(SyntheticVocabularyKind vocabulary)
    {
        using Loaded model = Load(new SyntheticModelOptions { Vocabulary = vocabulary });
        string[] texts =
        [
            "USER: what is in the picture? ASSISTANT:", "Grüße\n\n世界 🙂\t<b>", "!\"#$%&'()*+,-./0189:;<=>?@AZ[\\]^_`az{|}~", "</s><|im_end|>",
        ];
        foreach (string text in texts)
        {
            int[] tokens = model.Tokenize(text, special: false);
            Assert.NotEmpty(tokens);
            Assert.DoesNotContain(tokens, model.IsControl);
            Assert.Equal(text, model.Detokenize(tokens));
        }
        // Common words are one piece, so that prompts are as long as with a real vocabulary.
        Assert.InRange(model.Tokenize("what is in the picture", special: false).Length, 5, 8);
        string turn = vocabulary switch
        {
            SyntheticVocabularyKind.Spm => "</s>",
            SyntheticVocabularyKind.BpeLlama3 => "<|eot_id|>",
            _ => "<|im_end|>",
        };
        Assert.True(model.IsEndOfTurn(Assert.Single(model.Tokenize(turn, special: true))));
    }

    static float[] Values()
    {
        var random = new Random(5);
        float[] values = new float[4 * 512];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)((random.NextDouble() + random.NextDouble() - 1) * Math.Pow(2, i / 256 - 4));
        values.AsSpan(64, 32).Clear();
        values[100] = -values[99];
        return values;
    }

    static Loaded Load(SyntheticModelOptions options) => new(options);

    /// <summary>A model and a context of 64 positions.</summary>
    sealed class Loaded : IDisposable
    {
        readonly TemporaryDirectory _folder = new();
        readonly LlamaModelHandle _model;
        readonly LlamaContextHandle _context;
        readonly llama_vocab* _vocab;

        internal Loaded(SyntheticModelOptions options)
        {
            string path = SyntheticModel.Write(_folder.Path, ModelGeometry.Tiny, options).ModelPath;
            llama_model_params parameters = Llama.llama_model_default_params();
            _model = new LlamaModelHandle(Llama.llama_model_load_from_file(path, parameters));
            Assert.False(_model.IsInvalid);
            _vocab = Llama.llama_model_get_vocab(_model);
            llama_context_params context = Llama.llama_context_default_params();
            (context.n_ctx, context.n_threads, context.n_threads_batch) = (64, 1, 1);
            _context = LlamaContextHandle.Create(_model, context);
            Assert.False(_context.IsInvalid);
        }

        internal bool IsControl(int token) => Llama.llama_vocab_is_control(_vocab, token);

        internal bool IsEndOfTurn(int token) => Llama.llama_vocab_is_eog(_vocab, token);

        internal int[] Tokenize(string text, bool special)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text);
            int[] tokens = new int[utf8.Length + 8];
            fixed (byte* bytes = utf8)
            fixed (int* ids = tokens) return tokens[..Llama.llama_tokenize(_vocab, bytes, utf8.Length, ids, tokens.Length, false, special)];
        }

        internal string Detokenize(int[] tokens)
        {
            var bytes = new List<byte>();
            byte* piece = stackalloc byte[128];
            foreach (int token in tokens)
                bytes.AddRange(new ReadOnlySpan<byte>(piece, Llama.llama_token_to_piece(_vocab, token, piece, 128, 0, false)));
            string text = Encoding.UTF8.GetString([.. bytes]);
            return text.StartsWith(' ') ? text[1..] : text; // the space SentencePiece puts before a text
        }

        internal float[] LogitsAfter(string text)
        {
            Llama.llama_memory_clear(Llama.llama_get_memory(_context), true);
            int[] tokens = Tokenize(text, special: false);
            fixed (int* ids = tokens)
            {
                Assert.Equal(0, Llama.llama_decode(_context, new llama_batch { n_tokens = tokens.Length, token = ids }));
                return new ReadOnlySpan<float>(Llama.llama_get_logits_ith(_context, -1), Llama.llama_vocab_n_tokens(_vocab)).ToArray();
            }
        }

        public void Dispose()
        {
            _context.Dispose();
            _model.Dispose();
            _folder.Dispose();
        }
    }

    /// <summary>ggml's own reader of the header.</summary>
    sealed class NativeGguf : IDisposable
    {
        readonly nint _library = NativeLibrary.Load(NativeLibraries.Find(NativeRuntime.Load(new NativeOptions()).Directory, "ggml-base")!);

        internal (int Entries, int Tensors, long DataOffset) Read(byte[] bytes)
        {
            nint context;
            fixed (byte* data = bytes)
            {
                context = ((delegate* unmanaged[Cdecl]<byte*, nuint, Parameters, nint>)Export("gguf_init_from_buffer"))(
                    data, (nuint)bytes.Length, new Parameters { NoAlloc = 1 });
            }
            Assert.NotEqual(0, context);
            (int, int, long) result = ((int)Count("gguf_get_n_kv"), (int)Count("gguf_get_n_tensors"), Count("gguf_get_data_offset"));
            ((delegate* unmanaged[Cdecl]<nint, void>)Export("gguf_free"))(context);
            return result;

            long Count(string name) => ((delegate* unmanaged[Cdecl]<nint, long>)Export(name))(context);
        }

        void* Export(string name) => (void*)NativeLibrary.GetExport(_library, name);

        public void Dispose() => NativeLibrary.Free(_library);

        /// <summary>gguf_init_params: a bool, then a pointer that stays null.</summary>
        [StructLayout(LayoutKind.Sequential, Size = 16)]
        struct Parameters
        {
            internal nint NoAlloc;
        }
    }
}
