namespace SK.FasterVlm.Imaging;

/// <summary>
/// Which source pixels make up each target pixel along one axis, and by how much: the cubic convolution kernel (R. Keys 1981,
/// a = -0.5), stretched by the scale when shrinking, which is what antialiases. Same numbers as Pillow's BICUBIC: the formulas of
/// libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc), restated. Of the axis only a window is picture; what lies
/// before and behind it is padding of one colour, whose weights are summed up instead of listed.
/// </summary>
sealed class BicubicWeights
{
    /// <summary>Weights are integers in units of 2^-22: 32 bits less 8 for the pixel and 2 for sign and overshoot.</summary>
    public const int PrecisionBits = 32 - 8 - 2;

    const double A = -0.5, Support = 2;

    readonly (int First, int Count, int Outside)[] _taps;
    readonly int[] _weights;
    readonly int _alignment, _stride;

    /// <summary>Computes the weights.</summary>
    /// <param name="axis">Source pixels along the axis, padding included; 1 or more.</param>
    /// <param name="offset">Where on the axis the picture begins.</param>
    /// <param name="length">Pixels of the picture.</param>
    /// <param name="target">Target pixels along the axis, 1 or more.</param>
    /// <param name="alignment">Weights are filled up with zeros to a multiple of this, for vector loads.</param>
    public BicubicWeights(int axis, int offset, int length, int target, int alignment)
    {
        double scale = (double)axis / target, stretch = Math.Max(scale, 1), support = Support * stretch;
        var exact = new double[(int)Math.Ceiling(support) * 2 + 1];
        _alignment = alignment;
        _stride = (exact.Length + alignment - 1) / alignment * alignment;
        (_taps, _weights) = (new (int, int, int)[target], new int[checked(target * _stride)]);
        for (int t = 0; t < target; t++)
        {
            double center = (t + 0.5) * scale;
            // Casts cut off towards zero, as in C.
            int begin = Math.Max((int)(center - support + 0.5), 0), end = Math.Min((int)(center + support + 0.5), axis);
            double sum = 0;
            for (int i = begin; i < end; i++) sum += exact[i - begin] = Kernel((i - center + 0.5) * (1 / stretch));
            int first = Math.Clamp(begin, offset, offset + length), last = Math.Clamp(end, offset, offset + length), outside = 0;
            for (int i = begin; i < end; i++)
            {
                int weight = Fixed(exact[i - begin] / sum);
                if (i >= first && i < last) _weights[t * _stride + i - first] = weight;
                else outside += weight;
            }

            _taps[t] = (first - offset, last - first, outside);
        }
    }

    /// <summary>The part of a target pixel that comes from the picture and the part that comes from padding.</summary>
    /// <param name="t">Target pixel.</param>
    /// <param name="first">Pixel of the picture to which the first weight belongs.</param>
    /// <param name="outside">Sum of the weights of padding.</param>
    /// <returns>Weights of consecutive pixels of the picture, then zeros up to a multiple of the alignment; possibly none.</returns>
    public ReadOnlySpan<int> Of(int t, out int first, out int outside)
    {
        (first, int count, outside) = _taps[t];
        return _weights.AsSpan(t * _stride, (count + _alignment - 1) / _alignment * _alignment);
    }

    static int Fixed(double weight) => (int)(weight * (1 << PrecisionBits) + (weight < 0 ? -0.5 : 0.5));

    static double Kernel(double x)
    {
        x = Math.Abs(x);
        if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }
}
