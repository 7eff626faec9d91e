using SK.FasterVlm.Gguf;

namespace SK.FasterVlm.Core.Tests.Gguf;

/// <summary>A synthetic tiny file with one thing changed: well-formed, but not the model it says it is.</summary>
sealed class GgufEdit
{
    static readonly byte[] DefaultModel = SyntheticLanguage.Build(ModelGeometry.Tiny, new SyntheticModelOptions()).ToArray().Bytes;
    static readonly byte[] DefaultProjector = SyntheticProjector.Build(ModelGeometry.Tiny, new SyntheticModelOptions()).ToArray().Bytes;

    readonly GgufFile _file;
    readonly Dictionary<string, Action<GgufWriter, string>?> _keys = [];
    readonly Dictionary<string, (GgmlType Type, long[] Dims)?> _tensors = [];

    GgufEdit(byte[] bytes) => _file = GgufFile.Parse(bytes);

    internal static GgufEdit Model(SyntheticModelOptions? options = null) =>
        new(options is null ? DefaultModel : SyntheticLanguage.Build(ModelGeometry.Tiny, options).ToArray().Bytes);

    internal static GgufEdit Projector(SyntheticModelOptions? options = null) =>
        new(options is null ? DefaultProjector : SyntheticProjector.Build(ModelGeometry.Tiny, options).ToArray().Bytes);

    internal GgufEdit Set(string key, object value)
    {
        _keys[key] = value switch
        {
            uint v => (w, k) => w.Add(k, v),
            int v => (w, k) => w.Add(k, v),
            float v => (w, k) => w.Add(k, v),
            bool v => (w, k) => w.Add(k, v),
            string v => (w, k) => w.Add(k, v),
            int[] v => (w, k) => w.Add(k, v),
            float[] v => (w, k) => w.Add(k, v),
            string[] v => (w, k) => w.Add(k, v),
            _ => throw new ArgumentException($"{value.GetType()} is no metadata type."),
        };
        return this;
    }

    internal GgufEdit Remove(string name)
    {
        _keys[name] = null;
        _tensors[name] = null;
        return this;
    }

    internal GgufEdit Reshape(string tensor, params long[] dims) => Change(tensor, _file.GetTensor(tensor).Type, dims);

    internal GgufEdit Retype(string tensor, GgmlType type) => Change(tensor, type, _file.GetTensor(tensor).Dims.ToArray());

    GgufEdit Change(string tensor, GgmlType type, long[] dims)
    {
        _tensors[tensor] = (type, dims);
        return this;
    }

    internal GgufFile ToFile() => GgufFile.Parse(ToArray());

    internal byte[] ToArray()
    {
        var writer = new GgufWriter();
        foreach ((string key, GgufValue value) in _file.Metadata.Entries)
        {
            if (!_keys.TryGetValue(key, out var change)) writer.Add(key, value);
            else change?.Invoke(writer, key);
        }
        foreach ((string key, var change) in _keys)
        {
            if (change is not null && !_file.Metadata.TryGet(key, out _)) change(writer, key);
        }
        foreach (GgufTensorInfo tensor in _file.Tensors)
        {
            if (!_tensors.TryGetValue(tensor.Name, out var change))
            {
                writer.AddTensor(tensor.Name, tensor.Type, tensor.Dims.Span,
                    (destination, start) => _file.ReadTensor(tensor, destination.Span, start));
            }
            else if (change is { } shape)
            {
                writer.AddTensor(tensor.Name, shape.Type, shape.Dims, static (destination, _) => destination.Span.Clear());
            }
        }
        return writer.ToArray().Bytes;
    }
}
