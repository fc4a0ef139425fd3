/* Trains one network after another with libfann: full-batch gradient descent.
 * Compiled with -DFANN_DOUBLE for libdoublefann, without for libfann (float). */

#ifdef FANN_DOUBLE
#include <doublefann.h>
#else
#include <fann.h>
#endif

/* FANN's own codes, so that the caller need not know them. */
static enum fann_activationfunc_enum function(char code)
{
    return code == 's' ? FANN_SIGMOID : code == 't' ? FANN_SIGMOID_SYMMETRIC : FANN_LINEAR;
}

void *create(unsigned n_layers, const unsigned *sizes, const char *activations)
{
    struct fann *net = fann_create_standard_array(n_layers, sizes);
    if (!net)
        return NULL;
    for (unsigned layer = 1; layer < n_layers; layer++) {
        char code = activations[layer - 1];
        fann_set_activation_function_layer(net, function(code), layer);
        /* FANN's sigmoid is 1 / (1 + exp(-2 steepness z)), its symmetric one tanh(steepness z). */
        fann_set_activation_steepness_layer(net, code == 's' ? 0.5 : 1, layer);
    }
    fann_set_training_algorithm(net, FANN_TRAIN_BATCH);
    fann_set_train_error_function(net, FANN_ERRORFUNC_LINEAR);
    fann_set_learning_momentum(net, 0);
    return net;
}

void *data(unsigned n, unsigned n_in, unsigned n_out, const fann_type *X, const fann_type *y)
{
    struct fann_train_data *samples = fann_create_train(n, n_in, n_out);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned j = 0; j < n_in; j++)
            samples->input[i][j] = X[i * n_in + j];
        for (unsigned j = 0; j < n_out; j++)
            samples->output[i][j] = y[i * n_out + j];
    }
    return samples;
}

/* weights: (restarts, n) in FANN's order, neuron by neuron, the bias after the inputs. */
void train(struct fann *net, struct fann_train_data *samples, unsigned restarts,
           const fann_type *weights, const float *rates, unsigned epochs, double *sse)
{
    unsigned n = fann_get_total_connections(net);
    unsigned n_out = fann_get_num_output(net), n_samples = fann_length_train_data(samples);

    for (unsigned k = 0; k < restarts; k++) {
        for (unsigned i = 0; i < n; i++)
            net->weights[i] = weights[k * n + i];
        fann_set_learning_rate(net, rates[k]);
        for (unsigned epoch = 0; epoch < epochs; epoch++)
            fann_train_epoch(net, samples);
        sse[k] = 0;
        for (unsigned i = 0; i < n_samples; i++) {
            fann_type *output = fann_run(net, samples->input[i]);
            for (unsigned j = 0; j < n_out; j++) {
                double error = output[j] - samples->output[i][j];
                sse[k] += error * error;
            }
        }
    }
}
